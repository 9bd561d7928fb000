import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.time.Instant;
import java.util.*;
import java.util.concurrent.*;

/** java.net.http.WebSocket as a client: java JavaClient.java IP:PORT URI */
public class JavaClient implements WebSocket.Listener {
    static String server, uri, program = "java.net.http " + System.getProperty("java.version");
    static final Semaphore got = new Semaphore(0);
    static final CountDownLatch closed = new CountDownLatch(1);
    final StringBuilder text = new StringBuilder();
    final java.io.ByteArrayOutputStream data = new java.io.ByteArrayOutputStream();

    static Instant now() { return Instant.now(); }

    static String quote(String s) {
        return '"' + s.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
    }

    static synchronized void log(Instant t, String what, String more) throws RuntimeException {
        String line = String.format("{\"t\": %d.%06d, \"who\": \"client\", \"program\": %s, \"server\": %s, \"uri\": %s, \"do\": %s%s}%n",
                t.getEpochSecond(), t.getNano() / 1000, quote(program), quote(server), quote(uri), quote(what), more);
        try {
            Files.writeString(Path.of(System.getenv("WSLOG")), line, StandardOpenOption.APPEND, StandardOpenOption.CREATE);
        } catch (Exception e) { throw new RuntimeException(e); }
    }

    static String payload(String kind, byte[] raw) {
        String out = ", \"kind\": " + quote(kind) + ", \"length\": " + raw.length;
        try {
            if (raw.length > 4096)
                return out + ", \"sha1\": " + quote(HexFormat.of().formatHex(java.security.MessageDigest.getInstance("SHA-1").digest(raw)));
        } catch (java.security.NoSuchAlgorithmException e) { throw new RuntimeException(e); }
        return out + (kind.equals("text") ? ", \"text\": " + quote(new String(raw, StandardCharsets.UTF_8))
                                          : ", \"base64\": " + quote(Base64.getEncoder().encodeToString(raw)));
    }

    static byte[] bytes(ByteBuffer b) { byte[] a = new byte[b.remaining()]; b.get(a); return a; }

    @Override public CompletionStage<?> onText(WebSocket ws, CharSequence part, boolean last) {
        Instant t = now();
        text.append(part);
        if (last) {
            log(t, "receive", payload("text", text.toString().getBytes(StandardCharsets.UTF_8)));
            text.setLength(0);
            got.release();
        }
        ws.request(1);
        return null;
    }

    @Override public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer part, boolean last) {
        Instant t = now();
        data.writeBytes(bytes(part));
        if (last) {
            log(t, "receive", payload("binary", data.toByteArray()));
            data.reset();
            got.release();
        }
        ws.request(1);
        return null;
    }

    @Override public CompletionStage<?> onPong(WebSocket ws, ByteBuffer b) {
        Instant t = now();
        log(t, "receive", payload("pong", bytes(b)));
        got.release();
        ws.request(1);
        return null;
    }

    @Override public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
        log(now(), "closed", ", \"code\": " + code + ", \"reason\": " + quote(reason));
        closed.countDown();
        return null;
    }

    @Override public void onError(WebSocket ws, Throwable e) {
        log(now(), "error", ", \"text\": " + quote(e.toString()));
        closed.countDown();
    }

    public static void main(String[] args) throws Exception {
        server = args[0];
        uri = args[1];
        WebSocket ws = HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(URI.create("ws://" + server + uri), new JavaClient()).join();
        log(now(), "open", "");
        for (String s : List.of("hello from Java", "你好，爪哇 ☕", "", "long ".repeat(4000))) {
            log(now(), "send", payload("text", s.getBytes(StandardCharsets.UTF_8)));
            ws.sendText(s, true).join();
            got.acquire();
        }
        byte[] noise = new byte[3000];
        new Random(1).nextBytes(noise);
        log(now(), "send", payload("binary", noise));
        ws.sendBinary(ByteBuffer.wrap(noise, 0, 1000), false).join();  // three fragments
        ws.sendBinary(ByteBuffer.wrap(noise, 1000, 1000), false).join();
        ws.sendBinary(ByteBuffer.wrap(noise, 2000, 1000), true).join();
        got.acquire();
        log(now(), "send", payload("ping", "tick".getBytes()));
        ws.sendPing(ByteBuffer.wrap("tick".getBytes())).join();
        got.acquire();
        log(now(), "send", ", \"kind\": \"close\", \"length\": 6, \"code\": 1000, \"reason\": \"done\"");
        ws.sendClose(1000, "done").join();
        closed.await(5, TimeUnit.SECONDS);
        System.exit(0);
    }
}
