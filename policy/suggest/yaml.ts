import { Document } from "yaml";
import type { SuggestedPolicy } from "./suggestion.ts";

/** The policies as YAML documents, each with its remarks before it. */
export function toYaml(policies: readonly SuggestedPolicy[]): string {
  return policies
    .map(({ manifest, remarks }) => {
      const document = new Document(manifest, { aliasDuplicateObjects: false });
      const comments = remarks.map((remark) => `# ${oneLine(remark)}\n`).join("");
      return `---\n${comments}${document.toString({ lineWidth: 0 })}`;
    })
    .join("");
}

/** Labels and names come from whoever made the pod. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "\ufffd");
}
