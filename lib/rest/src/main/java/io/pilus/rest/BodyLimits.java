package io.pilus.rest;

import static io.vertx.core.http.HttpHeaders.CLOSE;
import static io.vertx.core.http.HttpHeaders.CONNECTION;
import static io.vertx.core.http.HttpHeaders.CONTENT_LENGTH;
import static io.vertx.core.http.HttpHeaders.CONTENT_TYPE;
import static io.vertx.core.http.HttpHeaders.TRANSFER_ENCODING;

import io.netty.handler.codec.http.HttpResponseStatus;
import io.quarkus.runtime.configuration.MemorySize;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Ends requests whose body is too large, or too slow as a whole: Quarkus' own timeouts begin anew with each byte. A request holds a
 * virtual thread and what has arrived of it, nothing else, until then.
 */
@Singleton
class BodyLimits {

    private final Vertx vertx;
    private final Duration patience;
    private final MemorySize largest;

    BodyLimits(
            Vertx vertx,
            RestConfig config,
            @ConfigProperty(name = "quarkus.http.limits.max-body-size") MemorySize largest) {
        this.vertx = vertx;
        this.patience = config.bodyTimeout();
        this.largest = largest;
    }

    void install(@Observes Router router) {
        router.route().order(Integer.MIN_VALUE).handler(this::watch);
    }

    private void watch(RoutingContext context) {
        HttpServerRequest request = context.request();
        if (!hasBody(request)) {
            context.next();
            return;
        }
        if (declared(request) > largest.asLongValue()) {
            refuse(
                    context,
                    HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE,
                    "body-too-large",
                    "the body has %d bytes, and %d is the most; split it into several requests"
                            .formatted(declared(request), largest.asLongValue()));
            return;
        }
        Future<Void> arrival = request.end();
        long timer = vertx.setTimer(patience.toMillis(), _ -> {
            if (!arrival.isComplete()) {
                refuse(
                        context,
                        HttpResponseStatus.REQUEST_TIMEOUT,
                        "body-too-slow",
                        "%d bytes of the body arrived within %s, and not its end; send it faster"
                                .formatted(request.bytesRead(), patience));
            }
        });
        context.addEndHandler(_ -> vertx.cancelTimer(timer));
        context.next();
    }

    private static boolean hasBody(HttpServerRequest request) {
        if (request.version() == HttpVersion.HTTP_2) {
            return switch (request.method().name()) {
                case "POST", "PUT", "PATCH" -> true;
                default -> false;
            };
        }
        return declared(request) > 0 || request.headers().contains(TRANSFER_ENCODING);
    }

    /** 0 where nothing is; what is no number does not get here. */
    private static long declared(HttpServerRequest request) {
        String length = request.getHeader(CONTENT_LENGTH);
        try {
            return length == null ? 0 : Long.parseLong(length);
        } catch (NumberFormatException _) {
            return 0;
        }
    }

    /** Where an answer has begun, its end is the end of the connection. */
    private static void refuse(RoutingContext context, HttpResponseStatus status, String slug, String detail) {
        HttpServerResponse response = context.response();
        var connection = context.request().connection();
        if (response.ended()) {
            return;
        }
        if (response.headWritten()) {
            connection.close();
            return;
        }
        var problem = new JsonObject()
                .put("type", "urn:pilus:problem:" + slug)
                .put("title", status.reasonPhrase())
                .put("status", status.code())
                .put("detail", detail)
                .put("instance", context.request().path());
        response.setStatusCode(status.code())
                .putHeader(CONTENT_TYPE, ProblemMappers.MEDIA_TYPE)
                .putHeader(CONNECTION, CLOSE)
                .end(problem.toBuffer())
                .onComplete(_ -> connection.close());
    }
}
