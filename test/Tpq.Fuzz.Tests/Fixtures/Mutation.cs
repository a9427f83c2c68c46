using CsCheck;

namespace Tpq.Fuzz.Tests.Fixtures;

/// <summary>Valid input with some damage, which gets further than noise does.</summary>
static class Mutation
{
    /// <summary>One of the texts after up to so many changes: pieces cut, doubled, moved, or put in.</summary>
    /// <param name="valid">The texts.</param>
    /// <param name="pieces">What is put in.</param>
    /// <param name="most">The most changes.</param>
    public static Gen<string> Of(string[] valid, string[] pieces, int most = 4)
    {
        Gen<Func<string, string>> change = Gen.Select(Gen.Int[0, 4], Gen.Int[0, 10_000], Gen.Int[0, 10_000], Gen.OneOf(pieces),
            (kind, first, second, piece) => (Func<string, string>)(text => Changed(text, kind, first % (text.Length + 1), second, piece)));
        return Gen.Select(Gen.OneOf(valid), change.Array[0, most], (text, changes) => changes.Aggregate(text, (changed, by) => by(changed)));
    }

    static string Changed(string text, int kind, int at, int second, string piece)
    {
        int length = Math.Min(second % 8, text.Length - at);
        string cut = text.Substring(at, length);
        return kind switch
        {
            0 => text.Remove(at, length),
            1 => text.Insert(at, cut),
            2 => text.Remove(at, length).Insert(second % (text.Length - length + 1), cut),
            3 => text.Insert(at, piece),
            _ => text.Remove(at, length).Insert(at, piece),
        };
    }
}
