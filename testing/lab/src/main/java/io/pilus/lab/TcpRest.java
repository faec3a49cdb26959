package io.pilus.lab;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** HTTP over TCP, by the JDK's client. */
record TcpRest(URI base) implements Rest {

    /** Longer than anybody may wait for enforcement. */
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private static final HttpClient CLIENT = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(2))
            .build();

    @Override
    public Answer send(String method, String path, Map<String, String> headers, String body) throws IOException {
        HttpResponse<String> response = exchange(method, path, headers, body, HttpResponse.BodyHandlers.ofString());
        Map<String, String> answered = new TreeMap<>();
        response.headers()
                .map()
                .forEach((name, values) -> answered.put(name.toLowerCase(Locale.ROOT), values.getFirst()));
        return new Answer(method + " " + base.resolve(path), response.statusCode(), answered, response.body());
    }

    @Override
    public Stream<String> lines(String path) throws IOException {
        return exchange("GET", path, Map.of(), "", HttpResponse.BodyHandlers.ofLines())
                .body();
    }

    @Override
    public String toString() {
        return base.toString();
    }

    private <T> HttpResponse<T> exchange(
            String method, String path, Map<String, String> headers, String body, HttpResponse.BodyHandler<T> handler)
            throws IOException {
        HttpRequest.Builder request = HttpRequest.newBuilder(base.resolve(path)).timeout(PATIENCE);
        headers.forEach(request::header);
        request.method(
                method,
                body.isEmpty() ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        try {
            return CLIENT.send(request.build(), handler);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
