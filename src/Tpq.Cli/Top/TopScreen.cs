using Npgsql;
using Spectre.Console;
using Spectre.Console.Rendering;
using Tpq.Internal.Overview;

namespace Tpq.Cli.Top;

/// <summary>The live screen: redrawn at each interval until somebody presses q or Ctrl+C. It survives a restart of the server.</summary>
static class TopScreen
{
    static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    public static Task ShowAsync(Session session, TimeSpan interval, CancellationToken cancellationToken)
    {
        IAnsiConsole console = AnsiConsole.Console;
        return console.Live(new Text("")).AutoClear(false).Overflow(VerticalOverflow.Crop).StartAsync(async live =>
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            WatchKeys(stop);
            var reader = new OverviewReader(session.Client);
            var rates = new Rates(Window);
            var table = new TopTable(session.Address, rates);
            IRenderable last = new Text("");
            bool hasRead = false;
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    DatabaseOverview overview = await reader.ReadAsync(stop.Token);
                    hasRead = true;
                    rates.Add(overview);
                    live.UpdateTarget(last = table.Build(overview, console.Profile.Height));
                }
                // An address that is wrong stays wrong.
                catch (NpgsqlException e) when (hasRead)
                {
                    live.UpdateTarget(new Rows(last, new Text(Display.OneLine($"The database is not reached: {e.Message}"), Color.Red)));
                }
                catch (OperationCanceledException) when (stop.IsCancellationRequested)
                {
                    return;
                }
                await Task.Delay(interval, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        });
    }

    /// <summary>A read of the terminal cannot be cancelled: it ends with the process.</summary>
    static void WatchKeys(CancellationTokenSource stop)
    {
        if (Console.IsInputRedirected)
            return;
        new Thread(Wait) { IsBackground = true }.Start();

        void Wait()
        {
            while (Console.ReadKey(intercept: true).KeyChar is not ('q' or 'Q'))
            {
            }
            stop.Cancel();
        }
    }
}
