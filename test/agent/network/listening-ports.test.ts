import test from "ava";
import { parseSockets } from "../../../src/agent/network/listening-ports.js";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0
   2: 0401000A:0050 0B01000A:C350 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0
`;
const TABLE6 = `  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A
   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A
`;

test("listening sockets count, connections and those on loopback do not", (t) => {
  t.deepEqual(parseSockets(TABLE, "0A"), [80]);
  t.deepEqual(parseSockets(TABLE6, "0A"), [443]);
  t.deepEqual(parseSockets("", "0A"), []);
});
