using Tpq.Bench;

return await CommandLine.RunAsync(args);
