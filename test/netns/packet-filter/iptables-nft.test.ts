import { packetFilterCompliance } from "./compliance.js";

packetFilterCompliance("iptables-nft");
