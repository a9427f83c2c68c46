namespace Tpq.Internal.Telemetry;

/// <summary>In place of an operation that is noted: there is never one.</summary>
/// <remarks>An empty structure, so that who awaits something meanwhile does not even keep a reference to nothing.</remarks>
readonly struct Operation : IDisposable
{
    public string? TraceParent => null;

    public static Operation? BeginSend(QueueState queue) => null;

    public static Operation? BeginSettle(QueueState queue, string name, IReadOnlyList<TpqMessage> messages) => null;

    public static Operation? BeginProcess(QueueState queue, IReadOnlyList<TpqMessage> messages) => null;

    public static Operation? BeginProcess(QueueState queue, TpqMessage message) => null;

    public static void Received(QueueState queue, string name, long began, IReadOnlyList<TpqMessage> messages)
    {
    }

    public static void Received(QueueState queue, string name, long began, TpqMessage message)
    {
    }

    public void Succeeded(long? messages = null, long? id = null)
    {
    }

    public void Failed(Exception error)
    {
    }

    public void Dispose()
    {
    }
}
