package io.pilus.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixRestTest {

    @TempDir
    Path directory;

    @Test
    void sendsTheRequestAndReadsAnAnswerOfKnownLength() throws Exception {
        try (ServerSocketChannel server = listen()) {
            CompletableFuture<String> request =
                    answer(server, "HTTP/1.1 201 Created\r\nContent-Length: 8\r\nETag: \"7\"\r\n\r\n{\"a\": 1}rest");

            Answer answer = Rest.at(socket()).post("/v1/endpoints", "{\"uid\": \"\u00e4\"}");

            assertThat(answer.status()).isEqualTo(201);
            assertThat(answer.json().path("a").asInt()).isEqualTo(1);
            assertThat(answer.header("etag")).contains("\"7\"");
            assertThat(request.join())
                    .startsWith("POST /v1/endpoints HTTP/1.1\r\n")
                    .contains("Content-Length: 13\r\n")
                    .endsWith("\r\n\r\n{\"uid\": \"\u00e4\"}");
        }
    }

    @Test
    void putsChunksTogetherWhereverTheySplitALine() throws Exception {
        try (ServerSocketChannel server = listen()) {
            var _ = answer(
                    server,
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n5;x=y\r\n\ntwo\n\r\n5\r\nthree\r\n0\r\n\r\n");

            try (Stream<String> lines = Rest.at(socket()).lines("/v1/flows")) {
                assertThat(lines).containsExactly("one", "two", "three");
            }
        }
    }

    @Test
    void anAnswerThatBreaksOffIsNoAnswer() throws Exception {
        try (ServerSocketChannel server = listen()) {
            var _ = answer(server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\non");

            assertThatThrownBy(() -> Rest.at(socket()).send("GET", "/", Map.of(), ""))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("within a chunk");
        }
    }

    @Test
    void aProblemDocumentBecomesAMessage() throws Exception {
        try (ServerSocketChannel server = listen()) {
            String problem =
                    "{\"type\":\"urn:pilus:problem:validation\",\"title\":\"t\",\"detail\":\"the request is wrong\","
                            + "\"errors\":[{\"pointer\":\"/name\",\"detail\":\"must not be blank\"}]}";
            var _ = answer(
                    server,
                    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: "
                            + problem.length() + "\r\n\r\n" + problem);

            Answer answer = Rest.at(socket()).get("/");

            assertThatThrownBy(answer::orThrow)
                    .isInstanceOf(RestException.class)
                    .hasMessage("the request is wrong\n  /name: must not be blank (400)")
                    .extracting(e -> ((RestException) e).type())
                    .isEqualTo("urn:pilus:problem:validation");
        }
    }

    @Test
    void saysWhoDoesNotAnswer() {
        assertThatThrownBy(() -> Rest.at(socket()).get("/v1/status"))
                .isInstanceOf(LabException.class)
                .hasMessageContaining("agent.sock")
                .hasMessageContaining("GET /v1/status");
    }

    private Path socket() {
        return directory.resolve("agent.sock");
    }

    private ServerSocketChannel listen() throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(socket()));
        return server;
    }

    /** Answers one request with these bytes; completes with the request. */
    private static CompletableFuture<String> answer(ServerSocketChannel server, String response) {
        var request = new CompletableFuture<String>();
        Thread.ofVirtual().start(() -> {
            try (SocketChannel client = server.accept()) {
                ByteBuffer buffer = ByteBuffer.allocate(10_000);
                client.read(buffer);
                client.write(ByteBuffer.wrap(response.getBytes(StandardCharsets.UTF_8)));
                request.complete(new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8));
            } catch (IOException e) {
                request.completeExceptionally(e);
            }
        });
        return request;
    }
}
