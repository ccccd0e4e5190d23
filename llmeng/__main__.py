"`python -m llmeng` is the command `llmeng`."

from llmeng.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
