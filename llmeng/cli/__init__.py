"The command `llmeng`."


def main(arguments=None) -> int:
    "Run the command `llmeng`."
    from llmeng.cli.command import main as run

    return run(arguments)
