namespace Tpq.Embedded.Internal;

/// <summary>What to type to have a server installed, by the package manager that this machine has.</summary>
static class InstallHint
{
    static readonly (string Program, string Command)[] Managers =
    [
        ("apt-get", "sudo apt-get install postgresql"),
        ("dnf", "sudo dnf install postgresql-server"),
        ("zypper", "sudo zypper install postgresql-server"),
        ("pacman", "sudo pacman -S postgresql"),
        ("apk", "sudo apk add postgresql"),
        ("brew", "brew install postgresql@18"),
        ("winget.exe", "winget install PostgreSQL.PostgreSQL.18"),
    ];

    internal static string For(string? path)
    {
        string? command = Managers.FirstOrDefault(manager => ProgramPath.Find(manager.Program, path) is not null).Command;
        return command is null ? "install PostgreSQL, or npm with which it can be fetched" : $"install one with `{command}`";
    }
}
