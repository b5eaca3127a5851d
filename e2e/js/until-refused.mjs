// Verifies a token without the network until the SDK refuses it, and prints when and why. bench compares with it.
import { verifyToken } from '@clerk/backend';

const { TOKEN: token, JWT_KEY: jwtKey } = process.env;

for (;;) {
  try {
    await verifyToken(token, { jwtKey });
  } catch (error) {
    console.log(JSON.stringify({ at: Date.now(), reason: error.reason ?? error.message }));
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
}
