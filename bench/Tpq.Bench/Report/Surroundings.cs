using System.Text;

namespace Tpq.Bench.Report;

/// <summary>Machine, server and systems at the end of the page.</summary>
sealed class Surroundings(StringBuilder page, Results results)
{
    public void Write()
    {
        MachineDescription machine = results.Machine;
        page.Append(
            $"""
            ## Machine, server and systems

            {machine.Processor}, {machine.Cores} cores, {machine.Memory} of memory, {machine.Kernel}, {machine.Runtime}. Server and clients share the machine, over TCP
            on 127.0.0.1.

            The server says: {string.Join(", ", results.Server.Select(setting => $"`{setting.Key}={setting.Value}`"))}. There is a `VACUUM ANALYZE` of the tables and a
            `CHECKPOINT` before each measurement.


            """);
        foreach (SystemDescription system in results.Systems)
        {
            page.Append($"**{system.Name}**{(system.Version is null ? "" : $" {system.Version}")}\n\n");
            foreach (string setting in system.Settings)
                page.Append($"- {setting}\n");
            page.Append('\n');
        }
        page.Length--;
    }
}
