/** A {@link StoreMember} as a process of its own. Takes {@link MemberOrder}s over its parent's channel and answers each. `member.js {"number":…}`. */
import { type MemberStart, StoreMember } from "./store-member.js";

export type MemberOrder =
  | { readonly kind: "take-in"; readonly number: number; readonly port: number }
  | { readonly kind: "writers"; readonly writers: number; readonly seconds: number }
  | { readonly kind: "batch"; readonly objects: number }
  | { readonly kind: "voters" };

const member = await StoreMember.open(JSON.parse(process.argv[2] ?? "{}") as MemberStart);
process.on("message", (order: MemberOrder) => {
  answer(order).then(
    (result) => process.send!({ result }),
    (error: unknown) => process.send!({ error: error instanceof Error ? error.stack : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
process.send!({ result: "ready" });

async function answer(order: MemberOrder): Promise<unknown> {
  switch (order.kind) {
    case "take-in":
      return member.takeIn(order.number, order.port);
    case "voters":
      return member.voters;
    case "writers":
      return member.writers(order.writers, order.seconds);
    case "batch":
      return member.batch(order.objects);
  }
}
