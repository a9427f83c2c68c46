using System.Text;
using CsCheck;
using Npgsql;
using NpgsqlTypes;
using Tpq.Fuzz.Tests.Fixtures;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Fuzz.Tests;

/// <summary>Bytes that are nearly JSON. PostgreSQL's type json and System.Text.Json say which of them are.</summary>
public sealed class JsonFuzz(Server server) : DatabaseTest(server)
{
    [Fact]
    public void TheCheck_AcceptsWhatIsJson_AndNamesThePlaceOfWhatIsNot() => NearlyJson.Bytes().Sample(text =>
    {
        if (NearlyJson.IsJson(text))
            JsonText.Checked(text);
        else
            IsPlaced(Assert.Throws<TpqInvalidJsonException>(() => { JsonText.Checked(text); }), text);
    }, iter: Amount.Of(20_000), threads: 1, print: Encoding.UTF8.GetString);

    [Fact]
    public async Task WhatIsPut_ComesOutByteForByte_AndWhatIsNoJson_IsRefusedWithItsPlace()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await NearlyJson.Bytes().SampleAsync(async text =>
        {
            bool isJson = await IsJsonForServerAsync(connection, text);
            Assert.Equal(isJson, NearlyJson.IsJson(text));
            if (isJson)
            {
                await queue.PutAsync(text, Token);
                await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
                Assert.Equal(text, delivery.Message.Utf8Json.ToArray());
                await delivery.CommitAsync(Token);
            }
            else
            {
                IsPlaced(await Assert.ThrowsAsync<TpqInvalidJsonException>(() => queue.PutAsync(text, Token)), text);
                Assert.Equal(0, await queue.CountAsync(Token));
            }
        }, iter: Amount.Of(400), threads: 1, print: Encoding.UTF8.GetString);
    }

    [Fact]
    public async Task OneThatIsNoJson_LeavesNothingOfAllThatWerePutWithIt()
    {
        TpqQueue queue = await NewQueueAsync();
        await NearlyJson.Bytes(most: 1).Array[1, 12].SampleAsync(async texts =>
        {
            int odd = Array.FindIndex(texts, t => !NearlyJson.IsJson(t));
            Task<long> put = queue.PutManyAsync(texts.Select(t => new TpqPut(t)), Token);
            if (odd >= 0)
                Assert.Equal(odd, (await Assert.ThrowsAsync<TpqInvalidJsonException>(() => put)).Index);
            else
                Assert.Equal(texts.Length, await put);
            await using TpqBatch? batch = await queue.GetManyAsync(texts.Length + 1, cancellationToken: Token);
            Assert.Equal(odd >= 0 ? [] : texts, batch?.Select(m => m.Utf8Json.ToArray()) ?? []);
            await (batch?.CommitAsync(Token) ?? Task.CompletedTask);
        }, iter: Amount.Of(150), threads: 1);
    }

    [Theory]
    [InlineData(4_999, true)]
    [InlineData(5_000, true)]
    [InlineData(5_001, false)]
    [InlineData(1_000_000, false)]
    public async Task DeepNesting_IsStoredOrRefused_AndNeverEndsTheProcess(int levels, bool isPut)
    {
        TpqQueue queue = await NewQueueAsync();
        foreach (string text in (string[])[new string('[', levels) + new string(']', levels), new string('[', levels), string.Concat(Enumerable.Repeat("{\"a\":", levels))])
        {
            if (isPut && text[^1] == ']')
                await queue.PutAsync(text, Token);
            else
                await Assert.ThrowsAsync<TpqInvalidJsonException>(() => queue.PutAsync(text, Token));
        }
        Assert.Equal(isPut ? 1 : 0, await queue.CountAsync(Token));
    }

    /// <summary>The place is one of the text, or just behind it.</summary>
    static void IsPlaced(TpqInvalidJsonException error, byte[] text)
    {
        string[] lines = Encoding.UTF8.GetString(text).Split('\n');
        Assert.InRange(error.Line, 1, lines.Length);
        Assert.InRange(error.Column, 1, lines[error.Line - 1].Length + 1);
        Assert.EndsWith($"(line {error.Line}, column {error.Column}).", error.Message, StringComparison.Ordinal);
    }

    static async Task<bool> IsJsonForServerAsync(NpgsqlConnection connection, byte[] text)
    {
        await using var command = new NpgsqlCommand("SELECT $1", connection);
        command.Parameters.Add(new() { Value = text, NpgsqlDbType = NpgsqlDbType.Json });
        try
        {
            await command.ExecuteNonQueryAsync(Token);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidTextRepresentation or PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter)
        {
            return false;
        }
    }
}
