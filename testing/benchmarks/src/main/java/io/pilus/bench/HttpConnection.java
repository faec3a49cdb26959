package io.pilus.bench;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;

/** One HTTP/1.1 connection that is kept: a client that costs as little as it can, as it runs beside what it measures. */
final class HttpConnection implements AutoCloseable {

    private static final String LENGTH = "content-length:";

    private final Socket socket;
    private final InputStream in;
    private final String host;

    HttpConnection(URI server) throws IOException {
        socket = new Socket(server.getHost(), server.getPort());
        socket.setTcpNoDelay(true);
        in = new BufferedInputStream(socket.getInputStream());
        host = server.getAuthority();
    }

    /**
     * The answer's body.
     *
     * @throws IOException when the answer is none of the 200s
     */
    String post(String path, String json) throws IOException {
        byte[] body = json.getBytes(UTF_8);
        String head = "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                .formatted(path, host, body.length);
        byte[] start = head.getBytes(ISO_8859_1);
        byte[] message = new byte[start.length + body.length];
        System.arraycopy(start, 0, message, 0, start.length);
        System.arraycopy(body, 0, message, start.length, body.length);
        socket.getOutputStream().write(message);

        String status = line();
        int length = 0;
        for (String header = line(); !header.isEmpty(); header = line()) {
            if (header.regionMatches(true, 0, LENGTH, 0, LENGTH.length())) {
                length = Integer.parseInt(header.substring(LENGTH.length()).strip());
            }
        }
        String answer = new String(in.readNBytes(length), UTF_8);
        if (!status.startsWith("HTTP/1.1 2")) {
            throw new IOException("POST " + path + ": " + status + " " + answer);
        }
        return answer;
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    private String line() throws IOException {
        var line = new StringBuilder();
        for (int octet = in.read(); octet != '\n'; octet = in.read()) {
            if (octet < 0) {
                throw new EOFException("the server has closed the connection");
            }
            line.append((char) octet);
        }
        return line.toString().strip();
    }
}
