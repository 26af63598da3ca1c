/** Version of agent, CLI and API; equal to that of package.json. */
export const version = "0.1.0";
