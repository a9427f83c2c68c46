namespace Tpq.Internal;

/// <summary>What the doctor has found.</summary>
/// <param name="Severity">How bad it is.</param>
/// <param name="Check">What was looked at: a word that stays the same from version to version.</param>
/// <param name="Queue">The queue concerned; null where it is the server or the database.</param>
/// <param name="Title">What is wrong, and what comes of it, in a sentence.</param>
/// <param name="Evidence">What was seen. Never a payload.</param>
/// <param name="Remedy">What mends it: SQL, or a command line.</param>
sealed record Finding(Severity Severity, string Check, string? Queue, string Title, string Evidence, string Remedy);
