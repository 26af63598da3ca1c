import { agentOptions } from "#agent/runtime/agent-options.ts";

/** The agent's options as its command line takes them: `--store <KIND>`. */
export const agentFlags = [
  { flags: "--config <FILE>", description: "Options from a YAML file" },
  ...Object.values(agentOptions).map(({ flag, value, description }) => ({
    flags: value === null ? `--${flag}` : `--${flag} <${value}>`,
    description,
  })),
];
