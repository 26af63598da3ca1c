/** A policy that allows nothing. */
export function policyYaml(name: string, namespace = "shop", app = "web"): string {
  return `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  podSelector:
    matchLabels: {app: ${app}}
  policyTypes: [Ingress]
  ingress:
  - from:
    - podSelector: {}
`;
}
