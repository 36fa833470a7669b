import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0014_recordings_scope"),
    ]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("realtime", "Open realtime sessions"),
                        ("models", "List models"),
                        ("tenant.read", "See the workspace's settings"),
                        ("tenant.write", "Change the workspace's settings"),
                        ("members.read", "See members and invitations"),
                        ("members.write", "Invite, change and remove members"),
                        ("keys.read", "See API keys"),
                        ("keys.write", "Make, rotate and revoke API keys"),
                        ("providers.read", "See provider credentials and own servers"),
                        ("providers.write", "Change provider credentials and own servers"),
                        ("routers.read", "See routers"),
                        ("routers.write", "Change routers"),
                        ("agents.read", "See agents"),
                        ("agents.write", "Change and publish agents"),
                        ("tools.read", "See tools"),
                        ("tools.write", "Change tools"),
                        ("sessions.read", "See sessions and what was said in them"),
                        ("sessions.end", "End sessions"),
                        ("sessions.delete", "Delete sessions"),
                        ("recordings.read", "Hear recordings"),
                        ("usage.read", "See usage"),
                        ("reports.read", "See reports, and what is in them"),
                        ("reports.write", "Have reports made and mailed"),
                        ("billing.read", "See budgets and billing"),
                        ("billing.write", "Change budgets and billing"),
                        ("customers.read", "See customers and their statements"),
                        ("customers.write", "Change customers and issue statements"),
                        ("audit.read", "See the audit log"),
                    ],
                    max_length=20,
                ),
                size=None,
            ),
        ),
    ]
