using System.Globalization;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Rights that a role lacks, seen by that role.</summary>
public sealed class DoctorPrivilegeTests(DoctorServer server) : DoctorTest(server)
{
    const string Producer = "GRANT INSERT (data, headers), SELECT (id) ON tpq_orders TO {0}; GRANT USAGE ON SEQUENCE tpq_orders_id_seq TO {0}; GRANT INSERT, SELECT (id) ON tpq_orders_later TO {0};";

    const string Consumer =
        "GRANT SELECT, INSERT, DELETE, UPDATE (attempts) ON tpq_orders TO {0}; GRANT SELECT, INSERT, DELETE, UPDATE ON tpq_orders_later TO {0}; GRANT USAGE ON SEQUENCE tpq_orders_id_seq TO {0};";

    [Theory]
    [InlineData(Producer, null, null)]
    [InlineData(Consumer, null, null)]
    [InlineData("GRANT SELECT ON tpq_orders, tpq_orders_later TO {0}", null, null)]
    [InlineData("", null, null)]
    [InlineData(Producer + "REVOKE USAGE ON SEQUENCE tpq_orders_id_seq FROM {0}", "Warning", "GRANT USAGE ON SEQUENCE public.tpq_orders_id_seq TO")]
    [InlineData(Producer + "REVOKE INSERT (headers) ON tpq_orders FROM {0}", "Warning", "GRANT INSERT (data, headers) ON public.tpq_orders TO")]
    [InlineData(Producer + "REVOKE SELECT (id) ON tpq_orders FROM {0}", "Warning", "GRANT SELECT (id) ON public.tpq_orders TO")]
    [InlineData(Producer + "REVOKE INSERT ON tpq_orders_later FROM {0}", "Info", "GRANT INSERT, SELECT (id) ON \"public\".\"tpq_orders_later\" TO")]
    [InlineData(Producer + "REVOKE USAGE ON SCHEMA public FROM public", "Warning", "GRANT USAGE ON SCHEMA public TO")]
    [InlineData(Consumer + "REVOKE SELECT ON tpq_orders FROM {0}", "Warning", "GRANT SELECT (id) ON public.tpq_orders TO {0}; GRANT SELECT ON public.tpq_orders TO")]
    [InlineData(Consumer + "REVOKE UPDATE (attempts) ON tpq_orders FROM {0}", "Warning", "GRANT UPDATE (attempts) ON public.tpq_orders TO")]
    [InlineData(Consumer + "REVOKE DELETE ON tpq_orders_later FROM {0}", "Info", "GRANT SELECT, INSERT, DELETE, UPDATE ON \"public\".\"tpq_orders_later\" TO")]
    public Task ARightThatIsMissing_IsFound(string grants, string? severity, string? remedy) => AsRoleAsync(grants, async (client, quoted) =>
    {
        Finding? finding = (await ExamineAsync(client)).SingleOrDefault(f => f.Check != "visibility");
        Assert.Equal((severity is null ? null : "privileges", severity), (finding?.Check, finding?.Severity.ToString()));
        if (finding is null)
            return;
        Assert.StartsWith(string.Format(CultureInfo.InvariantCulture, remedy!, quoted), finding.Remedy, StringComparison.Ordinal);
        await ExecuteAsync(finding.Remedy.Split("; "));
        Assert.DoesNotContain(await ExamineAsync(client), f => f.Check != "visibility" && f.Severity >= finding.Severity);
    });

    /// <summary>It is somebody else's: to be told to grant rights to it would lead astray.</summary>
    [Theory]
    [InlineData(Consumer)]
    [InlineData(Producer)]
    public Task AQueueOfSomebodyElses_IsNotLookedAt(string grants) => AsRoleAsync(grants, async (client, quoted) =>
    {
        await NewQueueAsync("other", "1");
        Finding finding = Assert.Single(await ExamineAsync(client, "other"));
        Assert.Equal((Severity.Info, "visibility", null), (finding.Severity, finding.Check, finding.Queue));
        Assert.Equal($"Role {quoted} may not read 1 queue, the first of them \"public\".\"tpq_other\".", finding.Evidence);
        Assert.All(await ExamineAsync(client), f => Assert.DoesNotContain("GRANT", f.Remedy, StringComparison.Ordinal));
    });

    [Fact]
    public Task AFunctionThatTheRoleMayNotRun_IsFound() => AsRoleAsync(Consumer, async (client, quoted) =>
    {
        await ExecuteAsync("REVOKE EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) FROM public");
        try
        {
            Finding finding = Assert.Single(await ExamineAsync(client));
            Assert.Equal(("privileges", Severity.Warning), (finding.Check, finding.Severity));
            Assert.Equal($"GRANT EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) TO {quoted}", finding.Remedy);
            await ExecuteAsync(finding.Remedy);
            Assert.Empty(await ExamineAsync(client));
        }
        finally
        {
            await ServerAsync("GRANT EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) TO public");
        }
    });

    /// <param name="grants">Statements, with {0} for the role.</param>
    /// <param name="test">With a client that is the role's, and the role's name, quoted.</param>
    async Task AsRoleAsync(string grants, Func<TpqClient, string, Task> test)
    {
        await NewQueueAsync();
        string role = $"Role {Guid.NewGuid():N}", quoted = $"\"{role}\"";
        await ExecuteAsync($"CREATE ROLE {quoted}; GRANT pg_monitor TO {quoted}");
        try
        {
            foreach (string grant in string.Format(CultureInfo.InvariantCulture, grants, quoted).Split(';', StringSplitOptions.RemoveEmptyEntries))
                await ExecuteAsync(grant);
            // A role without the right to the schema finds the queue by its name.
            await using var client = new TpqClient(
                new Npgsql.NpgsqlConnectionStringBuilder(Keywords) { Options = $"-c role={role.Replace(" ", "\\ ", StringComparison.Ordinal)}" }.ConnectionString, new TpqClientOptions { Schema = "public" });
            await test(client, quoted);
        }
        finally
        {
            await ExecuteAsync($"DROP OWNED BY {quoted}", $"DROP ROLE {quoted}");
        }
    }
}
