using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>The listener alone: what wakes here is the bell, for these waits have no look of their own.</summary>
public sealed class ListenerTests(Server server) : DatabaseTest(server)
{
    [Fact]
    public async Task ASubscription_RingsOnceItsListenHasTakenEffect_SoThatALookFollowsIt()
    {
        await NewQueueAsync();
        using Subscription subscription = Client.Listener.Subscribe(State("orders"));
        await ForEverAsync(subscription);
    }

    [Theory]
    [InlineData(TpqNotify.Auto)]
    [InlineData(TpqNotify.Always)]
    public async Task APut_RingsTheSubscribersOfItsQueue_AndNoOthers(TpqNotify notify)
    {
        TpqQueue queue = await NewQueueAsync(notify: notify);
        await NewQueueAsync("other");
        using Subscription one = Client.Listener.Subscribe(State("orders")), two = Client.Listener.Subscribe(State("orders"));
        using Subscription other = Client.Listener.Subscribe(State("other"));
        await Task.WhenAll(ForEverAsync(one), ForEverAsync(two), ForEverAsync(other));
        Task stillWaiting = ForEverAsync(other);
        foreach (Func<Task> put in (Func<Task>[])[() => queue.PutAsync("1", Token), () => queue.PutManyAsync(["2", "3"], Token)])
        {
            Task rung = Task.WhenAll(ForEverAsync(one), ForEverAsync(two));
            await put();
            await rung;
        }
        Assert.False(stillWaiting.IsCompleted);
    }

    [Fact]
    public async Task AReconnect_RingsEverybody()
    {
        await NewQueueAsync();
        await using TpqClient client = NewClient($"Application Name={Schema}");
        using Subscription subscription = client.Listener.Subscribe(State("orders"));
        await ForEverAsync(subscription);
        Task rung = ForEverAsync(subscription);
        await ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{Schema}'");
        await rung;
    }

    [Fact]
    public async Task AnIdleListener_LeavesAndComesAgain()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient client = NewClient($"Application Name={Schema}");
        for (int i = 0; i < 2; i++)
        {
            using (Subscription subscription = client.Listener.Subscribe(State("orders")))
            {
                await ForEverAsync(subscription);
                Task rung = ForEverAsync(subscription);
                await queue.PutAsync("1", Token);
                await rung;
            }
            await EventuallyAsync(() => ScalarAsync<bool>(
                $"SELECT bool_and(query LIKE 'UNLISTEN%') FROM pg_stat_activity WHERE application_name = '{Schema}'"), "it has stopped listening");
        }
    }

    QueueState State(string name) => new(QueueName.Create(name, "tpq_", Schema));

    /// <summary>Ends by a ring alone; a minute without one fails the test.</summary>
    static Task ForEverAsync(Subscription subscription) =>
        subscription.WaitAsync(Timeout.InfiniteTimeSpan, Token).WaitAsync(TimeSpan.FromMinutes(1), Token);
}
