/** Base64 for URLs, as the machine writes it into links. */

import { base64 } from "../../src/platform/bytes";

export const base64url = (bytes: Uint8Array): string => base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
