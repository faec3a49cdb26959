package io.pilus.rest;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.quarkus.hibernate.validator.ValidatorFactoryCustomizer;
import jakarta.enterprise.context.ApplicationScoped;
import org.hibernate.validator.BaseHibernateValidatorConfiguration;
import org.hibernate.validator.spi.nodenameprovider.JavaBeanProperty;
import org.hibernate.validator.spi.nodenameprovider.Property;

/** Has violations name a member as it is called in JSON, where that differs from Java: {@code interface}. */
@ApplicationScoped
public class JsonNames implements ValidatorFactoryCustomizer {

    @Override
    public void customize(BaseHibernateValidatorConfiguration<?> configuration) {
        configuration.propertyNodeNameProvider(JsonNames::name);
    }

    private static String name(Property property) {
        if (property instanceof JavaBeanProperty member) {
            try {
                JsonProperty json = member.getDeclaringClass()
                        .getDeclaredField(member.getName())
                        .getAnnotation(JsonProperty.class);
                return json == null || json.value().isEmpty() ? member.getName() : json.value();
            } catch (NoSuchFieldException _) {
                return member.getName();
            }
        }
        return property.getName();
    }
}
