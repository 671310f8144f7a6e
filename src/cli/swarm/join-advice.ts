/** What a person types on another host, in Docker's words. */
export function joinAdvice(role: "worker" | "manager", token: string, managerAddr: string): string {
  return `To add a ${role} to this swarm, run the following command:

    tsctl join --token ${token} ${managerAddr}

`;
}
