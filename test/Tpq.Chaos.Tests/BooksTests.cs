using Tpq.Chaos.Workers;

namespace Tpq.Chaos.Tests;

/// <summary>That the check can fail: what goes wrong here is planted.</summary>
public sealed class BooksTests : IAsyncLifetime
{
    static readonly CancellationToken Token = TestContext.Current.CancellationToken;

    readonly string _folder = Directory.CreateTempSubdirectory("tpq-test-").FullName;
    World _world = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await World.CreateAsync(Standby.None, withDisk: false, withPooler: false, Token);
        using var put = new Acknowledgements(Path.Combine(_folder, "1"));
        put.Attempting([1, 2, 3, 4, 5]);
        put.Succeeded([1, 2, 3, 4]);
        foreach (int key in (int[])[1, 2, 3])
            await HandleAsync(key);
        // One is in hand no more, but not handled either.
        await PutAsync(Names.Queue, 4);
    }

    [Fact]
    public async Task ThatBalance()
    {
        AssertBalanced(handled: 3, dead: 0, await BalanceAsync());
        // The commit of a put of which nobody was told.
        await PutAsync($"{Names.Queue}_dead", 5);
        AssertBalanced(handled: 3, dead: 1, await BalanceAsync());
    }

    [Theory]
    [InlineData($"DELETE FROM {Names.Ledger} WHERE key = 2", "1 lost: 2")]
    [InlineData($"DELETE FROM tpq_{Names.Queue}", "1 lost: 4")]
    [InlineData($"INSERT INTO {Names.Ledger} (key, kind) VALUES (2, 'held')", "1 there twice: 2")]
    [InlineData($"INSERT INTO {Names.Ledger} (key, kind) VALUES (4, 'held')", "1 there twice: 4")]
    [InlineData($"INSERT INTO {Names.Ledger} (key, kind) VALUES (6, 'held')", "1 never put, but there: 6")]
    [InlineData($"UPDATE {Names.Ledger} SET place = 100 WHERE key = 2", "1 handled before one that was put earlier: 2")]
    public async Task ThatDoNot(string planted, string complaint)
    {
        await _world.ExecuteAsync(planted, Token);
        Assert.Equal([complaint], (await BalanceAsync()).Problems);
    }

    public async ValueTask DisposeAsync()
    {
        await _world.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    static void AssertBalanced(int handled, int dead, Books books)
    {
        Assert.Empty(books.Problems);
        Assert.Equal((5, 4, handled, dead), (books.Put, books.Acknowledged, books.Handled, books.Dead));
    }

    Task<Books> BalanceAsync() => Books.BalanceAsync(_world, Directory.EnumerateFiles(_folder), new Probe(_world), Token);

    Task HandleAsync(int key) => _world.ExecuteAsync($"INSERT INTO {Names.Ledger} (key, kind) VALUES ({key}, 'in-order')", Token);

    async Task PutAsync(string queue, int key)
    {
        await _world.Client.Queue(queue).CreateAsync(cancellationToken: Token);
        await _world.Client.Queue(queue).PutAsync(new Message(key, null).ToJson(), Token);
    }
}
