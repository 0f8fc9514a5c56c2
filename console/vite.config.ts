import react from "@vitejs/plugin-react";
import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

const service = loadEnv("development", ".", "UNBROKEN_")["UNBROKEN_ARCHIVE"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  base: "/",
  build: {
    outDir: "../src/unbroken/service/console",
    emptyOutDir: true,
    sourcemap: false,
    target: "es2022",
    cssTarget: ["chrome123", "firefox121", "safari17.5"], // light-dark() stays as it is written
    chunkSizeWarningLimit: 700, // livekit-client is one chunk, loaded when a call starts
  },
  server: { proxy: { "/api": service } },
  // One worker: the cores are other tests'. A file that needs a document asks for jsdom in its first line.
  test: { environment: "node", include: ["test/**/*.test.ts"], pool: "threads", maxWorkers: 1 },
});
