// A process that owns a server: `Tpq.Embedded.Owner [folder]`. It prints the server's connection string and folder, says when Ctrl+C
// interrupts it, and lets go of the server when it is told to by a line on standard input.
using System.Runtime.InteropServices;
using Tpq.Embedded;

var options = new EmbeddedPostgresOptions { DataDirectory = args.FirstOrDefault() };
await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(options);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
{
    context.Cancel = true;
    Console.WriteLine("interrupted");
});
Console.WriteLine(postgres.ConnectionString);
Console.WriteLine(postgres.DataDirectory);
Console.ReadLine();
