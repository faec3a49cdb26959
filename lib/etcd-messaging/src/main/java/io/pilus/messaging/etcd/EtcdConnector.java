package io.pilus.messaging.etcd;

import static io.smallrye.reactive.messaging.annotations.ConnectorAttribute.Direction.INCOMING;

import io.etcd.jetcd.Client;
import io.micrometer.core.instrument.MeterRegistry;
import io.pilus.etcd.EtcdClients;
import io.pilus.etcd.EtcdConfig;
import io.pilus.etcd.StoreGuard;
import io.smallrye.common.annotation.Identifier;
import io.smallrye.reactive.messaging.annotations.ConnectorAttribute;
import io.smallrye.reactive.messaging.connector.InboundConnector;
import io.smallrye.reactive.messaging.connector.OutboundConnector;
import io.smallrye.reactive.messaging.health.HealthReport;
import io.smallrye.reactive.messaging.health.HealthReporter;
import jakarta.annotation.PreDestroy;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Any;
import jakarta.enterprise.inject.Instance;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Flow;
import javax.net.ssl.SSLException;
import org.eclipse.microprofile.config.Config;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.eclipse.microprofile.reactive.messaging.spi.Connector;

/** Prefixes of etcd as channels. Makes the channels and reports their health; each works by itself. */
@ApplicationScoped
@Connector(EtcdConnector.NAME)
@ConnectorAttribute(
        name = "prefix",
        type = "string",
        direction = INCOMING,
        mandatory = true,
        description = "Keys that begin with this are listed once and then watched")
@ConnectorAttribute(
        name = "page-size",
        type = "int",
        direction = INCOMING,
        defaultValue = "1000",
        description = "How many keys a page of a listing has at most; fewer when values are large")
@ConnectorAttribute(
        name = "buffer-bytes",
        type = "long",
        direction = INCOMING,
        defaultValue = "16777216",
        description = "How many bytes are read ahead of a slow consumer; when full, reading stops")
@ConnectorAttribute(
        name = "buffer-revisions",
        type = "int",
        direction = INCOMING,
        defaultValue = "10000",
        description = "How many revisions are read ahead of a slow consumer; when full, reading stops")
@ConnectorAttribute(
        name = "resume",
        type = "string",
        direction = INCOMING,
        description =
                "Identifier of a ResumePoint bean that says where to go on; without it the channel begins with a Snapshot")
@ConnectorAttribute(
        name = "strangers",
        type = "string",
        direction = INCOMING,
        defaultValue = "refuse",
        description =
                "What to do with another store than the one that was met first: refuse (nothing is handed on until the known one is back), deliver (a Snapshot of it)")
@ConnectorAttribute(
        name = "failure-strategy",
        type = "string",
        direction = INCOMING,
        defaultValue = "redeliver",
        description =
                "What to do when the consumer fails: redeliver (the same change, after a pause), fail (end the channel), ignore")
public class EtcdConnector implements InboundConnector, OutboundConnector, HealthReporter {

    public static final String NAME = "pilus-etcd";

    private final List<EtcdIncomingChannel> incoming = new CopyOnWriteArrayList<>();
    private final List<EtcdOutgoingChannel> outgoing = new CopyOnWriteArrayList<>();
    private final Client client;
    private final EtcdConfig etcd;
    private final Instance<ResumePoint> resumePoints;
    private final StoreGuard guard;
    private final MeterRegistry registry;

    EtcdConnector(
            Client client,
            EtcdConfig etcd,
            @Any Instance<ResumePoint> resumePoints,
            StoreGuard guard,
            MeterRegistry registry) {
        this.client = client;
        this.etcd = etcd;
        this.resumePoints = resumePoints;
        this.guard = guard;
        this.registry = registry;
    }

    @Override
    public Flow.Publisher<? extends Message<?>> getPublisher(Config config) {
        var attributes = new EtcdConnectorIncomingConfiguration(config);
        var settings = new EtcdIncomingChannel.Settings(
                attributes.getChannel(),
                attributes.getPrefix(),
                atLeastOne(attributes.getChannel(), "page-size", attributes.getPageSize()),
                attributes.getBufferBytes(),
                atLeastOne(attributes.getChannel(), "buffer-revisions", attributes.getBufferRevisions()),
                strategy(attributes));
        try {
            var channel = new EtcdIncomingChannel(
                    settings,
                    etcd,
                    EtcdClients.tls(etcd),
                    attributes.getResume().map(this::resumePoint),
                    refusesStrangers(attributes) ? Optional.of(guard) : Optional.empty(),
                    registry);
            incoming.add(channel);
            return channel.stream();
        } catch (SSLException e) {
            throw new IllegalArgumentException(
                    "the files of pilus.etcd.ca-file, cert-file and key-file do not fit: " + e, e);
        }
    }

    @Override
    public Flow.Subscriber<? extends Message<?>> getSubscriber(Config config) {
        var attributes = new EtcdConnectorOutgoingConfiguration(config);
        var channel = new EtcdOutgoingChannel(attributes.getChannel(), client.getKVClient(), etcd.timeout(), registry);
        outgoing.add(channel);
        return channel;
    }

    @Override
    public HealthReport getReadiness() {
        var report = HealthReport.builder();
        incoming.forEach(channel -> channel.report(report));
        outgoing.forEach(channel -> channel.report(report));
        return report.build();
    }

    @PreDestroy
    void close() {
        incoming.forEach(EtcdIncomingChannel::close);
        outgoing.forEach(EtcdOutgoingChannel::close);
    }

    private ResumePoint resumePoint(String name) {
        Instance<ResumePoint> found = resumePoints.select(Identifier.Literal.of(name));
        if (!found.isResolvable()) {
            throw new IllegalArgumentException(
                    "attribute resume: there is no bean ResumePoint with @Identifier(\"" + name + "\")");
        }
        return found.get();
    }

    private static boolean refusesStrangers(EtcdConnectorIncomingConfiguration attributes) {
        return switch (attributes.getStrangers()) {
            case "refuse" -> true;
            case "deliver" -> false;
            default ->
                throw new IllegalArgumentException("channel " + attributes.getChannel()
                        + ": strangers is refuse or deliver, not '" + attributes.getStrangers() + "'");
        };
    }

    private static EtcdIncomingChannel.FailureStrategy strategy(EtcdConnectorIncomingConfiguration attributes) {
        try {
            return EtcdIncomingChannel.FailureStrategy.valueOf(
                    attributes.getFailureStrategy().toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "channel " + attributes.getChannel() + ": failure-strategy is redeliver, fail or ignore, not '"
                            + attributes.getFailureStrategy() + "'",
                    e);
        }
    }

    private static int atLeastOne(String channel, String attribute, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(
                    "channel " + channel + ": " + attribute + " must be at least 1, not " + value);
        }
        return value;
    }
}
