import { Argument } from "commander";
import type { Register } from "#agent/cli/commands.ts";
import { completionScripts } from "#agent/cli/completion-scripts.ts";

const shells = ["bash", "zsh", "fish"] as const;

const help = `
bash: source <(weir completion bash)
zsh:  source <(weir completion zsh)
fish: weir completion fish | source
Numbers of endpoints, names of pods and policies, and the like are asked of the agent while you type, and left out where none answers.`;

export const register: Register = (program, cli) => {
  program
    .command("completion")
    .description("a script by which a shell completes weir's commands, options and their values")
    .addArgument(new Argument("<shell>", "which shell").choices(shells))
    .addHelpText("after", help)
    .action((shell: (typeof shells)[number]) => cli.write(completionScripts[shell]));
};
