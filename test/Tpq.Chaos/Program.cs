using Tpq.Chaos;

return await CommandLine.RunAsync(args);
