namespace Tpq.Internal;

/// <summary>How bad a finding is; the worse, the higher.</summary>
enum Severity
{
    /// <summary>Worth knowing, and nothing is sick.</summary>
    Info,

    /// <summary>Something is lost, slow or about to be.</summary>
    Warning,

    /// <summary>Something does not work, or messages may be lost.</summary>
    Error,
}
