package io.pilus.lab;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;

/** A place that speaks HTTP and JSON: a service, or an agent on its unix socket. */
public sealed interface Rest permits TcpRest, UnixRest {

    /** A service. */
    static Rest at(URI base) {
        return new TcpRest(base);
    }

    /** An agent. */
    static Rest at(Path socket) {
        return new UnixRest(socket);
    }

    /**
     * Sends a request and reads the whole answer.
     *
     * @param body empty for none
     * @throws IOException when nobody is there, or breaks off
     */
    Answer send(String method, String path, Map<String, String> headers, String body) throws IOException;

    /** The answer's lines as they arrive; close the stream to end it. */
    Stream<String> lines(String path) throws IOException;

    default Answer get(String path) {
        return call("GET", path, "");
    }

    default Answer post(String path, String json) {
        return call("POST", path, json);
    }

    default Answer put(String path, String json) {
        return call("PUT", path, json);
    }

    default Answer delete(String path) {
        return call("DELETE", path, "");
    }

    private Answer call(String method, String path, String json) {
        try {
            return send(method, path, json.isEmpty() ? Map.of() : Map.of("Content-Type", "application/json"), json);
        } catch (IOException e) {
            throw new LabException(method + " " + path + " on " + this + ": nobody answers there", e);
        }
    }
}
