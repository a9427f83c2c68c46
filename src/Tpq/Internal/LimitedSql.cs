using System.Collections.Concurrent;
using System.Globalization;

namespace Tpq.Internal;

/// <summary>A statement with a limit, which is a part of the text: one text for each of the first few limits, and one with a parameter for all the others.</summary>
/// <remarks>
/// A plan for a parameter expects that it takes a tenth of the table. One for the value at hand is cheaper, and so the server makes such a one each
/// time, which is a tenth of the work of a batch of a hundred. A program has few sizes of batches; one with many must not fill its sessions with statements.
/// </remarks>
/// <param name="parameter">The limit as a parameter.</param>
/// <param name="compose">Makes the statement for a limit.</param>
sealed class LimitedSql(string parameter, Func<string, string> compose)
{
    const int MostTexts = 8;

    readonly ConcurrentDictionary<int, string> _texts = new();
    string? _withParameter;

    /// <summary>The statement for this limit. It may have the parameter, or not need it.</summary>
    public string For(int limit)
    {
        if (_texts.TryGetValue(limit, out string? text))
            return text;
        if (_withParameter is null && _texts.Count < MostTexts)
            return _texts.GetOrAdd(limit, l => compose(l.ToString(CultureInfo.InvariantCulture)));
        return _withParameter ??= compose(parameter);
    }
}
