using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>The shortcuts read TPQ_URL, which the server fixture sets; so their queue is in the default schema.</summary>
public sealed class QueuesTests(Server server) : DatabaseTest(server)
{
    readonly string _name = $"shortcuts {Guid.NewGuid():N}";

    [Fact]
    public async Task PutAndGet_GoToTheDatabaseOfTheEnvironment()
    {
        await using TpqClient client = TpqClient.FromEnvironment();
        TpqQueue queue = client.Queue(_name);
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Queues.PutAsync(_name, "1", Token));
        await queue.CreateAsync(cancellationToken: Token);
        try
        {
            Assert.Null(await Queues.GetAsync(_name, cancellationToken: Token));
            foreach (string falsy in (string[])["{}", "[]", "0", "\"\"", "null", "false"])
            {
                Assert.True(await Queues.PutAsync(_name, falsy, Token) > 0);
                Assert.Equal(falsy, await Queues.GetAsync(_name, cancellationToken: Token));
            }
            Assert.Equal(0, await queue.CountAsync(Token));

            Task<string?> waiting = Queues.GetAsync(_name, TimeSpan.FromMinutes(1), Token);
            await Queues.PutAsync(_name, "2", Token);
            Assert.Equal("2", await waiting);

            await using NpgsqlConnection connection = await OpenAsync();
            await ExecuteAsync(connection, "RESET search_path");
            await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
            {
                await Queues.PutAsync(_name, "3", transaction, Token);
                Assert.Equal("3", await Queues.GetAsync(_name, transaction, Token));
                await transaction.RollbackAsync(Token);
            }
            Assert.Equal(0, await queue.CountAsync(Token));
        }
        finally
        {
            await queue.DropAsync(Token);
        }
    }
}
