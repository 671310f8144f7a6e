import { packetFilterCompliance } from "./compliance.js";

packetFilterCompliance("nftables");
