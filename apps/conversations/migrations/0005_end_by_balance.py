from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0004_end_by_key"),
    ]

    operations = [
        migrations.AlterField(
            model_name="realtimesession",
            name="end_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("client_closed", "The client closed the connection"),
                    ("connection_lost", "The connection was lost"),
                    ("hung_up", "The session was hung up"),
                    ("key_revoked", "Its API key was revoked"),
                    ("balance_used_up", "The balance or a spending limit was used up"),
                    ("expired", "The session reached its longest duration"),
                    ("too_slow", "The client read too slowly"),
                    ("refused", "The session was refused"),
                    ("server_stopped", "The server was stopped or restarted"),
                    ("server_error", "An error of ours"),
                    ("crashed", "The server's process was lost"),
                ],
                max_length=15,
            ),
        ),
    ]
