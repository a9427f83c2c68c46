namespace Tpq.Cli;

/// <summary>How a message is written.</summary>
enum MessageFormat
{
    /// <summary>As stored, less the line breaks between its tokens.</summary>
    Line,

    /// <summary>As stored.</summary>
    Raw,

    /// <summary>An object with the message and all that is known of it, on one line.</summary>
    Envelope,
}
