using Tpq.Cli;

return await CommandLine.RunAsync(args);
