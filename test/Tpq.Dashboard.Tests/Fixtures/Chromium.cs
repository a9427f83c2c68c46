using Microsoft.Playwright;
using Tpq.Tests.Fixtures;

[assembly: AssemblyFixture(typeof(Tpq.Dashboard.Tests.Fixtures.Chromium))]

namespace Tpq.Dashboard.Tests.Fixtures;

/// <summary>A headless Chromium, started by the first test that asks for it: the one that is installed, else Debian's.</summary>
public sealed class Chromium() : DebianPackage("chromium", "usr/lib/chromium", "chromium-common"), IAsyncDisposable
{
    readonly SemaphoreSlim _turn = new(1);
    IPlaywright? _playwright;
    IBrowser? _browser;

    /// <summary>What a test needs of the machine.</summary>
    public static void Need() => Assert.SkipUnless(IsInReach("chromium"), "There is neither a chromium nor an apt to fetch it with.");

    public async Task<IBrowser> BrowserAsync()
    {
        await _turn.WaitAsync();
        try
        {
            return _browser ??= await StartAsync();
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
        _turn.Dispose();
        Dispose();
    }

    async Task<IBrowser> StartAsync()
    {
        string program = await ProgramAsync();
        _playwright = await Playwright.CreateAsync();
        // The machine may be busy; what is waited for comes, or does not.
        Assertions.SetDefaultExpectTimeout(30_000);
        return await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = program,
            Args =
            [
                // There is no page but ours, and for root there is no sandbox.
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
            Env = [.. Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().Select(v => KeyValuePair.Create((string)v.Key, (string)v.Value!)),
                KeyValuePair.Create("LD_LIBRARY_PATH", LibraryPath)],
        });
    }
}
