"""`python -m rushlight COMMAND`: what the package can show by itself."""

import sys


def demo(argv):
    from rushlight.demo import main
    return main(argv)


def run(argv):
    from rushlight.compat.__main__ import main
    return main(argv)


COMMANDS = {"run": (run, "run a torch script as it is: run SCRIPT [arguments]"),
            "demo": (demo, "train a small network on real handwritten digits and look at the result")}


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in COMMANDS:
        return COMMANDS[argv[0]][0](argv[1:])
    asked = bool(argv) and argv[0] not in ("-h", "--help")
    lines = [f"python -m rushlight: no command {argv[0]!r}"] if asked else []
    lines += ["usage: python -m rushlight COMMAND [options]", ""]
    lines += [f"  {name:8} {text}" for name, (_, text) in COMMANDS.items()]
    print("\n".join(lines), file=sys.stderr if asked else sys.stdout)
    return 2 if asked else 0


if __name__ == "__main__":
    sys.exit(main())
