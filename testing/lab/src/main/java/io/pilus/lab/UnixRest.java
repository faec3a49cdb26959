package io.pilus.lab;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** HTTP/1.1 over a unix socket, which the JDK's client does not speak: one connection a request. */
record UnixRest(Path socket) implements Rest {

    @Override
    public Answer send(String method, String path, Map<String, String> headers, String body) throws IOException {
        try (SocketChannel channel = request(method, path, headers, body)) {
            Response response = Response.read(Channels.newInputStream(channel));
            String content = new String(response.body().readAllBytes(), StandardCharsets.UTF_8);
            return new Answer(method + " " + path + " on " + socket, response.status(), response.headers(), content);
        }
    }

    @Override
    public Stream<String> lines(String path) throws IOException {
        SocketChannel channel = request("GET", path, Map.of(), "");
        Response response = Response.read(Channels.newInputStream(channel));
        if (response.status() != 200) {
            channel.close();
            throw new IOException("GET " + path + " on " + socket + ": status " + response.status());
        }
        var reader = new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8));
        return reader.lines().onClose(() -> {
            try {
                channel.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @Override
    public String toString() {
        return socket.toString();
    }

    private SocketChannel request(String method, String path, Map<String, String> headers, String body)
            throws IOException {
        byte[] content = body.getBytes(StandardCharsets.UTF_8);
        var head = new StringBuilder(method).append(' ').append(path).append(" HTTP/1.1\r\n");
        head.append("Host: localhost\r\nConnection: close\r\nContent-Length: ")
                .append(content.length)
                .append("\r\n");
        headers.forEach(
                (name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
        head.append("\r\n");

        var message = new ByteArrayOutputStream();
        message.write(head.toString().getBytes(StandardCharsets.UTF_8));
        message.write(content);
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.connect(UnixDomainSocketAddress.of(socket));
            ByteBuffer buffer = ByteBuffer.wrap(message.toByteArray());
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            return channel;
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /** Status line and headers; the body as it comes. */
    private record Response(int status, Map<String, String> headers, InputStream body) {

        static Response read(InputStream in) throws IOException {
            String[] first = line(in).split(" ", 3);
            if (first.length < 2 || !first[0].startsWith("HTTP/1.")) {
                throw new IOException("this is no HTTP: " + String.join(" ", first));
            }
            int status = Integer.parseInt(first[1]);
            Map<String, String> headers = new TreeMap<>();
            for (String line = line(in); !line.isEmpty(); line = line(in)) {
                String[] header = line.split(":", 2);
                headers.put(header[0].toLowerCase(Locale.ROOT), header.length < 2 ? "" : header[1].strip());
            }
            InputStream body = in;
            String length = headers.get("content-length");
            if ("chunked".equalsIgnoreCase(headers.get("transfer-encoding"))) {
                body = new Chunks(in);
            } else if (length != null || status == 204) {
                body = new ByteArrayInputStream(in.readNBytes(length == null ? 0 : Integer.parseInt(length)));
            }
            return new Response(status, headers, body);
        }
    }

    private static String line(InputStream in) throws IOException {
        var line = new ByteArrayOutputStream();
        for (int octet = in.read(); octet != '\n'; octet = in.read()) {
            if (octet < 0) {
                throw new EOFException("the connection ended within a line");
            }
            line.write(octet);
        }
        return line.toString(StandardCharsets.ISO_8859_1).strip();
    }

    /** The chunked transfer coding. */
    private static final class Chunks extends InputStream {

        private final InputStream in;
        private int left;
        private boolean ended;
        private boolean started;

        Chunks(InputStream in) {
            this.in = in;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            if (left == 0 && !ended) {
                if (started) {
                    line(in);
                }
                started = true;
                left = Integer.parseInt(line(in).split(";", 2)[0].strip(), 16);
                ended = left == 0;
            }
            if (ended) {
                return -1;
            }
            int read = in.read(into, offset, Math.min(left, length));
            if (read < 0) {
                throw new EOFException("the connection ended within a chunk");
            }
            left -= read;
            return read;
        }
    }
}
