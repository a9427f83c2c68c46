using System.Globalization;
using System.Text;
using CsCheck;
using Tpq.Internal;
using Tpq.Tests.Fixtures;
using Tpq.Tests.Units;

namespace Tpq.Tests;

public sealed class JsonRoundTripTests(Server server) : DatabaseTest(server)
{
    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("0")]
    [InlineData("-0")]
    [InlineData("\"\"")]
    [InlineData("false")]
    [InlineData("null")]
    [InlineData("1e400")]
    [InlineData("123456789012345678901234567890.000000000000000000000000000000000000001E-5")]
    [InlineData("""{"b":1,"a":2,"b":3}""")]
    [InlineData(" \t\r\n{ \"a\" :\n\n[ 1 ,2 ] } \n")]
    [InlineData("\"\\u0000\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\\udc00\\ud800\"")]
    [InlineData("\"\\/\\b\\u00e9é😀\u2028\"")]
    public async Task EveryValue_ComesOutAsItWentIn(string json)
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync(json, Token);
        await queue.PutAsync(Encoding.UTF8.GetBytes(json), Token);
        await queue.PutManyAsync([json], Token);
        Assert.Equal([json, json, json], await DrainAsync(queue));
    }

    [Fact]
    public async Task SixtyFourMegabytes_ComeOutAsTheyWentIn()
    {
        TpqQueue queue = await NewQueueAsync();
        byte[] large = new byte[64 << 20];
        Array.Fill(large, (byte)'x');
        large[0] = large[^1] = (byte)'"';
        await queue.PutAsync(large, Token);
        await queue.PutManyAsync([new TpqPut(large)], Token);
        await using TpqBatch batch = (await queue.GetManyAsync(2, cancellationToken: Token))!;
        Assert.True(batch[0].Utf8Json.Span.SequenceEqual(large));
        Assert.True(batch[1].Utf8Json.Span.SequenceEqual(large));
    }

    [Fact]
    public async Task NestingOf5000Levels_ComesOutAsItWentIn_FromArraysAndObjects()
    {
        TpqQueue queue = await NewQueueAsync();
        string arrays = JsonTextTests.Nested(5_000);
        string objects = new StringBuilder().Insert(0, "{\"a\":", 5_000).Append('1').Append('}', 5_000).ToString();
        await queue.PutManyAsync([arrays, objects], Token);
        Assert.Equal([arrays, objects], await DrainAsync(queue));
    }

    [Fact]
    public async Task AnyJson_ComesOutAsItWentIn()
    {
        TpqQueue queue = await NewQueueAsync();
        await AnyValue.Array[1, 40].SampleAsync(async texts =>
        {
            await queue.PutManyAsync(texts, Token);
            await using TpqBatch batch = (await queue.GetManyAsync(texts.Length, cancellationToken: Token))!;
            Assert.Equal(texts, batch.Select(m => m.Json));
            await batch.CommitAsync(Token);
        }, iter: 100, threads: 1);
    }

    [Fact]
    public async Task WhatTheCheckAccepts_IsWhatTheServerAccepts()
    {
        // Texts that are nearly JSON: a value with a character inserted, changed or cut.
        Gen<string> nearly = Gen.Select(AnyValue, Gen.Int[0, 200], Gen.OneOf("", "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "u", "\t", " ", "\u0001", "é"),
            Gen.Int[0, 2], (text, at, insert, cut) =>
            {
                int start = Math.Min(at, text.Length);
                return text[..start] + insert + text[Math.Min(start + cut, text.Length)..];
            }).Where(t => !t.Contains('\0') && IsUtf16(t));
        await nearly.Array[30].SampleAsync(async texts =>
        {
            bool[] server = await AcceptedByTheServerAsync(texts);
            for (int i = 0; i < texts.Length; i++)
                Assert.True(server[i] == IsAccepted(texts[i]), $"server: {server[i]}, check: {IsAccepted(texts[i])}, text: {texts[i]}");
        }, iter: 60, threads: 1);
    }

    static bool IsUtf16(string text)
    {
        try
        {
            new UTF8Encoding(false, throwOnInvalidBytes: true).GetByteCount(text);
            return true;
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }

    static bool IsAccepted(string text)
    {
        try
        {
            JsonText.Checked(text);
            return true;
        }
        catch (TpqInvalidJsonException)
        {
            return false;
        }
    }

    async Task<bool[]> AcceptedByTheServerAsync(string[] texts)
    {
        await ExecuteAsync($"""
            CREATE OR REPLACE FUNCTION "{Schema}".is_json(t text) RETURNS boolean LANGUAGE plpgsql AS
            'BEGIN PERFORM t::json; RETURN true; EXCEPTION WHEN OTHERS THEN RETURN false; END'
            """);
        await using var connection = await OpenAsync();
        await using var command = new Npgsql.NpgsqlCommand("SELECT array_agg(is_json(t) ORDER BY n) FROM unnest($1) WITH ORDINALITY u(t, n)", connection);
        command.Parameters.Add(new() { Value = texts });
        return (bool[])(await command.ExecuteScalarAsync(Token))!;
    }

    static readonly Gen<string> Space = Gen.OneOf("", "", "", " ", "\n", "\t \r\n");

    static readonly Gen<string> Number = Gen.OneOf(
        Gen.Int.Select(i => i.ToString(CultureInfo.InvariantCulture)),
        Gen.Double.Where(double.IsFinite).Select(d => d.ToString("R", CultureInfo.InvariantCulture)),
        Gen.OneOf("0", "-0", "0.0", "1E+400", "12345678901234567890123"));

    static readonly Gen<string> Character = Gen.OneOf(
        Gen.Char[' ', '~'].Where(c => c is not ('"' or '\\')).Select(c => c.ToString()),
        Gen.OneOf("\\n", "\\\"", "\\\\", "\\/", "\\u0000", "\\ud83d", "\\u00E9", "é", "😀", "\u2029", "\u007f"));

    static readonly Gen<string> Text = Character.Array[0, 12].Select(c => $"\"{string.Concat(c)}\"");

    static readonly Gen<string> Scalar = Gen.OneOf(Number, Text, Gen.OneOf("true", "false", "null"));

    static readonly Gen<string> AnyValue = Value(3);

    static Gen<string> Value(int depth)
    {
        if (depth == 0)
            return Scalar;
        Gen<string> inner = Value(depth - 1);
        Gen<string> array = inner.Array[0, 4].Select(v => $"[{string.Join(',', v)}]");
        Gen<string> member = Gen.Select(Text, Space, inner, (name, space, value) => $"{space}{name}{space}:{space}{value}");
        Gen<string> obj = member.Array[0, 4].Select(v => $"{{{string.Join(',', v)}}}");
        return Gen.Select(Space, Gen.OneOf(Scalar, array, obj), Space, (before, value, after) => before + value + after);
    }
}
