using Tpq.Cli;

StandardStreams.Check();
return await CommandLine.RunAsync(args);
