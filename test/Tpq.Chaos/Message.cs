using System.Text.Json;

namespace Tpq.Chaos;

/// <summary>A message's payload: a key that no other has, and what its handler is to do wrong at its first delivery.</summary>
readonly record struct Message(long Key, string? Misdeed)
{
    public const string Throw = "throw", Hang = "hang", Exit = "exit";

    /// <summary>So many keys each process has.</summary>
    const long KeysEach = 1L << 32;

    public static long FirstKey(int process) => process * KeysEach;

    /// <summary>One of each kind now and then; rarely where there are many, since one of them holds up all that are in its batch.</summary>
    public static Message Draw(long key, Random random, bool isOneOfMany) => new(key, random.Next(isOneOfMany ? 100_000 : 4000) switch
    {
        < 20 => Throw,
        < 22 => Hang,
        < 24 => Exit,
        _ => null,
    });

    public static Message Parse(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        return new Message(document.RootElement.GetProperty("key").GetInt64(),
            document.RootElement.TryGetProperty("misdeed", out JsonElement misdeed) ? misdeed.GetString() : null);
    }

    public string ToJson() => Misdeed is null ? $$"""{"key": {{Key}}}""" : $$"""{"key": {{Key}}, "misdeed": "{{Misdeed}}"}""";
}
