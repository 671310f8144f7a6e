/** Times that change while a member runs. */
import test from "ava";
import { MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { from, member, settledLeader, ticks } from "./one-member.js";

const { MsgHeartbeat } = MessageType;

test("a follower waits as long as it is told to now, and not as long as before", (t) => {
  const one = member({ config: { electionTicks: 10, heartbeatTicks: 1, random: () => 0 } });
  one.core.step(from("2", MsgHeartbeat, 1));
  one.core.setTicks({ electionTicks: 30, heartbeatTicks: 2 });
  ticks(one, 29);
  t.is(one.core.role, "follower");
  ticks(one, 1);
  t.not(one.core.role, "follower");
});

test("a leader beats as often as it is told to now", (t) => {
  const one = settledLeader();
  const beats = () => one.take()?.messages.filter(({ type }) => type === MsgHeartbeat).length ?? 0;
  one.core.setTicks({ electionTicks: 30, heartbeatTicks: 3 });
  const sent = [1, 2, 3].map(() => {
    one.core.tick();
    return beats();
  });
  t.deepEqual(sent, [0, 0, 2]);
});

test("an election takes longer than a heartbeat, or nothing changes", (t) => {
  const one = member({ config: { electionTicks: 10, heartbeatTicks: 1, random: () => 0 } });
  for (const wrong of [
    { electionTicks: 3, heartbeatTicks: 3 },
    { electionTicks: 3, heartbeatTicks: 0 },
  ]) {
    t.throws(() => one.core.setTicks(wrong), { instanceOf: RangeError });
  }
  one.core.step(from("2", MsgHeartbeat, 1));
  ticks(one, 9);
  t.is(one.core.role, "follower");
  ticks(one, 1);
  t.not(one.core.role, "follower");
});
