import type { Register } from "#agent/cli/commands.ts";
import { registerChanges } from "./policy-changes.ts";
import { registerDiff } from "./policy-diff.ts";
import { registerEvaluation } from "./policy-eval.ts";
import { registerLint } from "./policy-lint.ts";
import { registerReading } from "./policy-list.ts";
import { registerStaged } from "./policy-staged.ts";
import { registerSuggestion } from "./policy-suggest.ts";
import { registerValidation } from "./policy-validate.ts";
import { registerVerification } from "./policy-verify.ts";

export const register: Register = (program, cli) => {
  const policy = program.command("policy").description("list, check, change and ask about policy");
  registerReading(policy, cli);
  registerStaged(policy, cli);
  registerValidation(policy, cli);
  registerChanges(policy, cli);
  registerEvaluation(policy, cli);
  registerDiff(policy, cli);
  registerVerification(policy, cli);
  registerLint(policy, cli);
  registerSuggestion(policy, cli);
};
