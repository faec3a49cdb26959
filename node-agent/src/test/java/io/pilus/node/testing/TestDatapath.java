package io.pilus.node.testing;

import io.pilus.node.datapath.Datapath;
import io.quarkus.test.Mock;
import jakarta.annotation.PreDestroy;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

/** In tests of the whole agent, its datapath is in a node of the test's own: the machine's devices are left alone. */
@Mock
@Singleton
public class TestDatapath {

    private final TestNode node = new TestNode();

    @Produces
    @Singleton
    Datapath datapath() {
        return node.datapath();
    }

    @Produces
    @Singleton
    TestNode node() {
        return node;
    }

    @PreDestroy
    void close() {
        node.close();
    }
}
