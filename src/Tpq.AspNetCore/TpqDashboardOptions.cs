namespace Tpq;

/// <summary>Settings of a dashboard.</summary>
public sealed class TpqDashboardOptions
{
    /// <summary>Whether the dashboard can change something: put, move, redrive, delete and clear messages, pause and resume queues.</summary>
    /// <value>Default: <see langword="false"/>; it only reads, and requests that would write are refused.</value>
    public bool AllowWrites { get; set; }

    /// <summary>How often the queues are looked at while a page is open. One look serves all open pages; with none open there is none.</summary>
    /// <value>
    /// Default: 2 seconds. At least 200 milliseconds and at most an hour. A look that takes long is followed by a pause of five times as long.
    /// </value>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of these bounds.</exception>
    public TimeSpan RefreshInterval
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(200));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromHours(1));
            field = value;
        }
    } = TimeSpan.FromSeconds(2);

    /// <summary>Whose queues are shown. The dashboard does not dispose it.</summary>
    /// <value>Default: <see langword="null"/>, the <see cref="TpqClient"/> of the application's services, as <c>AddTpq</c> of the package Tpq.Hosting adds one.</value>
    public TpqClient? Client { get; set; }
}
