using System.Threading.Channels;

namespace Tpq.Hosting.Tests.Fixtures;

/// <summary>What handlers tell a test, which waits for it.</summary>
public sealed class Seen
{
    readonly Channel<object?> _channel = Channel.CreateUnbounded<object?>();

    public void Add(object? what) => Assert.True(_channel.Writer.TryWrite(what));

    public async Task<object?> NextAsync() =>
        await _channel.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

    public bool IsEmpty => !_channel.Reader.TryPeek(out _);
}
