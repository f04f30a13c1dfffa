"""orders have a price"""
import sqlalchemy as sa
from alembic import op

revision = "c9e2b4a86f13"
down_revision = "a1f30c5d7e21"


def upgrade():
    op.add_column("orders", sa.Column("price_cents", sa.Integer, nullable=True))


def downgrade():
    op.drop_column("orders", "price_cents")
